"""The command line: parse, call one function, print, exit; no logic. Nobody imports it."""
