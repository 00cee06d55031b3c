"""Verified, content-addressed files of this computer: blobs, unpacked trees, byte code, shared environments."""
