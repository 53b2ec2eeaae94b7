"""What `anabranch up` runs."""
