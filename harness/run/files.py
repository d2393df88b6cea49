from harness.files import *  # noqa: F403
from harness.files import Row, append_row, read_json, read_rows, replacing, write_json, write_rows, write_text  # noqa: F401
