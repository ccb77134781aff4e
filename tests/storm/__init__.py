"""A storm: daemons, one-shots and a writer at work while stores, destinations, clocks and processes fail.

``script`` says from a seed what happens when; ``store_faults`` has the store fail, ``destinations`` are such as fail,
``workers`` are the processes, ``writer`` is who writes; ``run`` puts it all together. Afterwards ``checker``, a program
of its own, judges.
"""
