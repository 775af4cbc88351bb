"""The command line: parse, call one function, print, exit; no logic. Nobody imports it.

What a command does is imported by its function, when it runs: `--help` waits for nothing.
"""
