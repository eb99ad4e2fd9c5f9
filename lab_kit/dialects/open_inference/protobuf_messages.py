"""The protocol's messages as classes: ``pb.ModelInferRequest`` and the others of the file.

tritonclient brings such classes, too; `lab_kit.core.proto_file` says why they are not used.
"""

from importlib.resources import files

from lab_kit.core.proto_file import message_classes

_FILE = "inference.proto"
pb = message_classes(_FILE, files(__package__).joinpath(_FILE).read_text("utf-8"))
