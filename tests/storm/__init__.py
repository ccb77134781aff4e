"""A storm: daemons, one-shots and a writer at work while stores, destinations, clocks and processes fail.

``script`` says from a seed what happens when; ``weather`` has the store fail, ``shores`` the destinations, ``crew`` are
the processes, ``writer`` is who writes; ``voyage`` puts it all together. Afterwards ``checker``, a program of its own,
judges.
"""
