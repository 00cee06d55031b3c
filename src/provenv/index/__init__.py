"""What package indexes offer: pages, metadata, files; remembered on disk."""
