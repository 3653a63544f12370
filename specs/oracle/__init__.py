"""The definitions in plain Python: big integers, standard library only, no dependency on ecjax."""
