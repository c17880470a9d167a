"""One formula: explained, searched for, shrunk and replayed."""
