"""Foreign checkpoints → tensors under our names. Free of torch; run in a child process only (`__main__.py`).

    pickles        an interpreter for pickles that can make nothing but plain data
    inert          the names that a checkpoint may mention, and what stands in for them
    archive        zip files without tricks
    torch_files    torch.save, in its zip and its older form
    tensor_files   safetensors, npy, npz
    files          a path → what lies in the file, told by its content
    generators, encoders, inverters, directions    the public layouts
    recognise      what a file is
    assemble       several files → one model, and the file that it becomes

No module here imports `pickle` or `torch`. What is read stays mapped into memory until it is written.
"""
