"""Sound before a model hears it: spectra, codecs, chunks, detectors, networks, silences."""
