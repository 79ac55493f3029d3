using System.Runtime.InteropServices;
using TorchSharp;

namespace Annotator.Model.Native;

/// <summary>
/// Loads libtorch into this process. Called by the verbs and by test fixtures, never by a type's own
/// initialiser: referencing this assembly loads nothing, so the web process stays free of tensors.
/// </summary>
/// <remarks>
/// On distributions whose libstdc++ is older than GCC 13's (Debian 12, Ubuntu 22.04, RHEL 9) TorchSharp does
/// not load as shipped: its native half asks for the symbol version <c>GLIBCXX_3.4.32</c> through one symbol
/// that it never calls, and the error speaks of a missing package. There the library is copied into memory,
/// that one requirement is marked weak (the dynamic linker then ignores its absence), and the copy is loaded
/// instead. The package cache stays untouched, and newer distributions never take that path.
/// </remarks>
public static partial class LibTorch
{
    private const string TorchSharpLibrary = "LibTorchSharp";
    private const string MissingVersion = "GLIBCXX_3.4.32";

    private static readonly Lock Gate = new();
    private static bool _loaded;

    /// <summary>Loads libtorch once; later calls load nothing. Safe to call from several threads.</summary>
    /// <param name="threads">How many its operations use from now on; 0 leaves them as they are, all cores at first.</param>
    /// <exception cref="DllNotFoundException">The native libraries are not beside the application.</exception>
    public static void Load(int threads = 0)
    {
        lock (Gate)
        {
            if (!_loaded)
            {
                if (OperatingSystem.IsLinux())
                {
                    PrepareAllocatorAndThreads();
                    PreloadOnLinux();
                }

                torch.InitializeDeviceType(DeviceType.CPU);
                _loaded = true;
            }
        }

        if (threads > 0)
        {
            torch.set_num_threads(threads);
        }
    }

    /// <summary>CUDA where it is to be had, else the CPU. <see cref="Load"/> comes first.</summary>
    public static torch.Device PreferredDevice() => torch.cuda.is_available() ? torch.CUDA : torch.CPU;

    /// <summary>Seeds the draws of every device, for all that draw without a generator of their own: dropout.</summary>
    public static void Seed(long seed)
    {
        torch.manual_seed(seed);                                                                  // the CPU's alone
        if (torch.cuda.is_available())
        {
            torch.cuda.manual_seed_all(seed);
        }
    }

    private static void PrepareAllocatorAndThreads()
    {
        // Without it two torch processes on the same cores spin each other to a standstill. It has to be the
        // native call: libgomp reads the C environment, which Environment.SetEnvironmentVariable doesn't touch.
        _ = SetEnvironment("OMP_WAIT_POLICY", "passive", overwrite: 0);

        // Large tensors lie in large pages where the system gives them on request: weights are read a third faster.
        _ = SetEnvironment("THP_MEM_ALLOC_ENABLE", "1", overwrite: 0);

        // Large tensors come from the heap instead of fresh pages, and freed ones stay there: 15–20 % of a step.
        const int TrimThreshold = -1, MaximumMappings = -4;
        _ = MallocOption(MaximumMappings, 0);
        _ = MallocOption(TrimThreshold, int.MaxValue);
    }

    private static void PreloadOnLinux()
    {
        // With these loaded, the dynamic linker finds them by their short names for whatever depends on them.
        foreach (var name in new[] { "libc10.so", "libtorch_cpu.so", "libtorch.so" })
        {
            if (Find(name) is { } path)
            {
                NativeLibrary.Load(path);
            }
        }

        var library = Find("libLibTorchSharp.so");
        if (library is null || NativeLibrary.TryLoad(library, out _))
        {
            return;
        }

        var patched = NativeLibrary.Load(InMemoryCopy(WithWeakVersion(File.ReadAllBytes(library), MissingVersion)));
        NativeLibrary.SetDllImportResolver(
            typeof(torch).Assembly,
            (name, _, _) => name == TorchSharpLibrary ? patched : IntPtr.Zero);
    }

    private static string? Find(string fileName)
    {
        var directories = (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Append(AppContext.BaseDirectory)
            .Append(Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native"));
        return directories.Select(directory => Path.Combine(directory, fileName)).FirstOrDefault(File.Exists);
    }

    /// <summary>
    /// The ELF64 image with the flag VER_FLG_WEAK set on the named version requirement
    /// (section .gnu.version_r: a chain of Verneed, each with a chain of Vernaux).
    /// </summary>
    internal static byte[] WithWeakVersion(byte[] elf, string version)
    {
        const uint SectionOfVersionsNeeded = 0x6ffffffe;
        const ushort Weak = 2;

        var sections = (int)BitConverter.ToInt64(elf, 0x28);
        var sectionSize = BitConverter.ToUInt16(elf, 0x3A);
        var sectionCount = BitConverter.ToUInt16(elf, 0x3C);

        for (var s = 0; s < sectionCount; s++)
        {
            var header = sections + s * sectionSize;
            if (BitConverter.ToUInt32(elf, header + 4) != SectionOfVersionsNeeded)
            {
                continue;
            }

            var need = (int)BitConverter.ToInt64(elf, header + 0x18);
            var stringTable = sections + (int)BitConverter.ToUInt32(elf, header + 0x28) * sectionSize;
            var strings = (int)BitConverter.ToInt64(elf, stringTable + 0x18);

            for (uint toNeed = 1; toNeed != 0; need += (int)toNeed)
            {
                var auxiliary = need + (int)BitConverter.ToUInt32(elf, need + 8);
                for (uint toNext = 1; toNext != 0; auxiliary += (int)toNext)
                {
                    var name = strings + (int)BitConverter.ToUInt32(elf, auxiliary + 8);
                    if (NameAt(elf, name) == version)
                    {
                        elf[auxiliary + 4] |= (byte)Weak;
                    }

                    toNext = BitConverter.ToUInt32(elf, auxiliary + 12);
                }

                toNeed = BitConverter.ToUInt32(elf, need + 12);
            }
        }

        return elf;
    }

    private static string NameAt(byte[] elf, int offset) =>
        System.Text.Encoding.ASCII.GetString(elf, offset, Array.IndexOf(elf, (byte)0, offset) - offset);

    /// <summary>A path the dynamic linker can open, for a file that lives in memory only and as long as this process.</summary>
    private static string InMemoryCopy(byte[] content)
    {
        var descriptor = CreateMemoryFile(TorchSharpLibrary, 0);
        if (descriptor < 0)
        {
            throw new DllNotFoundException($"No memory file could be made for {TorchSharpLibrary} (error {Marshal.GetLastPInvokeError()}).");
        }

        // The descriptor stays open: the path below is valid as long as it is.
        var handle = new Microsoft.Win32.SafeHandles.SafeFileHandle(descriptor, ownsHandle: false);
        RandomAccess.Write(handle, content, 0);
        return $"/proc/self/fd/{descriptor}";
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int MallocOption(int option, int value);

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int CreateMemoryFile(string name, uint flags);
}
