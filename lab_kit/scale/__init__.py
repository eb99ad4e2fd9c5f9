"""Past one machine, as models: values in, values out; no socket, no clock, no thread.

One server by events (`server`), many servers by streams (`cluster`), regions and days by counts
(`day`). The first is calibrated by what a reader's machine was measured at (`experiments.scale`).
"""
