"""A folder of photographs, edited by several workers: here, or on a Ray cluster."""
