"""Ways to die and places to die in: what the tests of kills share.

``kills`` has the table of steps and, as a program, etl-daemon with a death built in; ``world`` the objects that arrive
before and after it; ``sites`` the destinations; ``runs`` puts one run together and judges it.
"""
