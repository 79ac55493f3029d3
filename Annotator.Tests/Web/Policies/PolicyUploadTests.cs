using System.IO.Compression;
using Annotator.Model.Policies;
using Annotator.Tests.Fixtures;
using Annotator.Tests.Web.Rounds;
using Annotator.Web.Data;
using Annotator.Web.Policies;

namespace Annotator.Tests.Web.Policies;

/// <summary>A policy comes in as a zip or from a directory, and nothing else comes in with it.</summary>
public sealed class PolicyUploadTests : IDisposable
{
    private static readonly CurrentPerson Admin = new("1", "ada", IsAdmin: true, IsAnnotator: false);
    private readonly TemporaryDirectory root = new();
    private readonly DataFolder data;
    private readonly PolicyRegistry registry;
    private readonly PolicyUpload upload;
    private readonly string policy;

    public PolicyUploadTests()
    {
        data = new(root["run"]);
        registry = new(data);
        upload = new(registry, data, EnglishWords.All);
        policy = RoundsDatabase.WriteShell(root["policy"], 1);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_one_Annotator_lets_download_another_takes_in()
    {
        var hash = await registry.ImportAsync(policy, Cancellation);
        using var zip = new MemoryStream();
        await registry.WriteZipAsync(hash, zip, Cancellation);
        zip.Position = 0;
        var (elsewhere, told) = (new DataFolder(root["elsewhere"]), 0L);

        var taken = await new PolicyUpload(new(elsewhere), elsewhere, EnglishWords.All).TakeAsync(Admin, "policy.zip", zip, bytes => told = bytes, Cancellation);

        taken.ShouldBe(hash);
        PolicyFiles.Hash(elsewhere.Policy(hash)).ShouldBe(hash);
        told.ShouldBe(zip.Length);
        Directory.GetFileSystemEntries(elsewhere.Uploads).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_directory_of_the_machine_is_taken_in_by_its_full_path()
    {
        (await upload.TakeDirectoryAsync(Admin, $" {policy} ", Cancellation)).ShouldBe(PolicyFiles.Hash(policy));
        (await Should.ThrowAsync<RefusedException>(() => upload.TakeDirectoryAsync(Admin, "policy", Cancellation))).Message.ShouldContain("full path");
        (await Should.ThrowAsync<RefusedException>(() => upload.TakeDirectoryAsync(Admin, root["none"], Cancellation))).Message.ShouldBe($"The policy directory {root["none"]} does not exist.");
        await Should.ThrowAsync<NotAllowedException>(() => upload.TakeDirectoryAsync(Admin with { IsAdmin = false }, policy, Cancellation));
    }

    [Fact]
    public async Task A_zip_writes_no_other_files_and_none_outside_its_folder()
    {
        var beside = await SendAsync(zip =>
        {
            AddPolicy(zip, "mine/");
            Add(zip, "mine/run.sh", "rm -rf /");
            Add(zip, "mine/../../../outside.txt", "here");
        });
        Directory.GetFiles(registry.PathOf(beside)).Select(Path.GetFileName).Order(StringComparer.Ordinal).ShouldBe(["config.json", "merges.txt", "model.safetensors", "vocab.json"]);

        (await RefusalAsync(zip => Add(zip, "../../config.json", "{}"))).ShouldBe("The zip has a file that leads out of its folder (../../config.json): pack the policy's directory anew.");
        (await RefusalAsync(zip => Add(zip, "/etc/config.json", "{}"))).ShouldContain("leads out of its folder");
        Directory.GetFiles(root.Path, "*", SearchOption.AllDirectories).ShouldAllBe(file => file.StartsWith(policy) || file.StartsWith(data.Policies));
    }

    [Fact]
    public async Task What_is_no_policy_or_too_large_is_refused_in_a_sentence_and_leaves_nothing()
    {
        (await RefusalAsync(zip => Add(zip, "readme.txt", "hello"))).ShouldBe("The directory sent.zip has no config.json, so it is not a policy in Hugging Face format.");
        (await RefusalAsync(zip =>
        {
            AddPolicy(zip, "a/");
            AddPolicy(zip, "b/");
        })).ShouldContain("twice");
        (await Should.ThrowAsync<RefusedException>(() => upload.TakeAsync(Admin, "notes.txt", new MemoryStream("hello"u8.ToArray()), null, Cancellation)))
            .Message.ShouldStartWith("notes.txt is not a zip that can be read");

        // A few kilobytes that unpack to much more.
        var bounded = new PolicyUpload(registry, data, EnglishWords.All) { Largest = 1024 * 1024 };
        using var bomb = Packed(zip => Add(zip, "model.safetensors", new string('0', 3 * 1024 * 1024)));
        bomb.Length.ShouldBeLessThan(100_000);
        (await Should.ThrowAsync<RefusedException>(() => bounded.TakeAsync(Admin, "bomb.zip", bomb, null, Cancellation))).Message.ShouldStartWith("A policy may have 1 MB at most");
        using var large = new MemoryStream(new byte[2 * 1024 * 1024]);
        await Should.ThrowAsync<RefusedException>(() => bounded.TakeAsync(Admin, "large.zip", large, null, Cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => upload.TakeAsync(Admin with { IsAdmin = false }, "policy.zip", new MemoryStream(), null, Cancellation));

        Directory.GetFileSystemEntries(data.Uploads).ShouldBeEmpty();
        Directory.Exists(data.Policies).ShouldBeFalse();
    }

    public void Dispose() => root.Dispose();

    private async Task<string> SendAsync(Action<ZipArchive> pack)
    {
        using var zip = Packed(pack);
        return await upload.TakeAsync(Admin, "sent.zip", zip, null, Cancellation);
    }

    private async Task<string> RefusalAsync(Action<ZipArchive> pack) => (await Should.ThrowAsync<RefusedException>(() => SendAsync(pack))).Message;

    private static MemoryStream Packed(Action<ZipArchive> pack)
    {
        var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            pack(zip);
        }

        stream.Position = 0;
        return stream;
    }

    private void AddPolicy(ZipArchive zip, string under)
    {
        foreach (var file in Directory.GetFiles(policy))
        {
            zip.CreateEntryFromFile(file, under + Path.GetFileName(file));
        }
    }

    private static void Add(ZipArchive zip, string name, string content)
    {
        using var writer = new StreamWriter(zip.CreateEntry(name).Open());
        writer.Write(content);
    }
}
