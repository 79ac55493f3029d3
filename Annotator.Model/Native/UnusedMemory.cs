using System.Runtime.InteropServices;

namespace Annotator.Model.Native;

/// <summary>Memory that was freed but that the process still holds.</summary>
public static class UnusedMemory
{
    /// <summary>
    /// Gives it back to the system: the garbage collector's, and libtorch's, whose allocator (glibc's) keeps freed blocks
    /// for later. Takes milliseconds to tens of them, and what comes next pays for its memory anew: for idle times.
    /// </summary>
    public static void GiveBack()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        if (OperatingSystem.IsLinux() && NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), "malloc_trim", out var trim))  // musl has none
        {
            unsafe
            {
                _ = ((delegate* unmanaged<nuint, int>)trim)(0);
            }
        }
    }
}
