using System.IO.Compression;
using Annotator.Model.Policies;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Policies;

namespace Annotator.Tests.Web.Policies;

public sealed class PolicyRegistryTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("annotator-registry-").FullName;
    private readonly PolicyRegistry registry;
    private readonly string source;

    public PolicyRegistryTests()
    {
        registry = new(new DataFolder(Path.Combine(root, "run")));
        source = Path.Combine(root, "source");
        Directory.CreateDirectory(source);
        foreach (var file in new[] { "config.json", "model.safetensors" })
        {
            File.WriteAllBytes(Path.Combine(source, file), File.ReadAllBytes(Path.Combine(Oracles.Find("models/gpt2"), file)));
        }

        File.WriteAllText(Path.Combine(source, "vocab.json"), """{"a":0}""");
        File.WriteAllText(Path.Combine(source, "merges.txt"), "#version: 0.2\n");
        File.WriteAllText(Path.Combine(source, "README.md"), "A card.");
        File.WriteAllText(Path.Combine(source, "notes.txt"), "Somebody's notes.");
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_imported_policy_lies_under_the_hash_of_its_content_with_its_card()
    {
        var hash = await registry.ImportAsync(source, Cancellation);

        hash.ShouldMatch("^[0-9a-f]{64}$");
        hash.ShouldBe(PolicyFiles.Hash(registry.PathOf(hash)));
        Directory.GetFiles(registry.PathOf(hash)).Select(Path.GetFileName).Order(StringComparer.Ordinal)
            .ShouldBe(["README.md", "config.json", "merges.txt", "model.safetensors", "vocab.json"]);
    }

    [Fact]
    public async Task The_same_policy_imported_twice_is_there_once()
    {
        var hashes = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => registry.ImportAsync(source), Cancellation)));

        hashes.Distinct().Count().ShouldBe(1);
        Directory.GetFileSystemEntries(Path.GetDirectoryName(registry.PathOf(hashes[0]))!).ShouldBe([registry.PathOf(hashes[0])]);
    }

    [Fact]
    public async Task Other_tokens_make_another_policy_and_another_card_does_not()
    {
        var first = await registry.ImportAsync(source, Cancellation);
        await File.WriteAllTextAsync(Path.Combine(source, "README.md"), "Another card.", Cancellation);
        (await registry.ImportAsync(source, Cancellation)).ShouldBe(first);
        await File.WriteAllTextAsync(Path.Combine(source, "vocab.json"), """{"b":0}""", Cancellation);
        (await registry.ImportAsync(source, Cancellation)).ShouldNotBe(first);
    }

    [Fact]
    public async Task A_rounds_policy_is_moved_in_and_gone_from_where_it_was()
    {
        var hash = await registry.MoveInAsync(source, Cancellation);

        registry.Contains(hash).ShouldBeTrue();
        Directory.Exists(source).ShouldBeFalse();
    }

    [Theory]
    [InlineData("config.json", null, "has no config.json, so it is not a policy in Hugging Face format")]
    [InlineData("config.json", "{", "config.json is not JSON")]
    [InlineData("config.json", "[]", "config.json is not a JSON object")]
    [InlineData("config.json", """{"model_type":"bert"}""", "the architecture \"bert\" is not known here (known: gpt2, gpt_neox, gptj, llama, mistral, qwen2")]
    [InlineData("model.safetensors", null, "has no model.safetensors (weights in other formats, such as pytorch_model.bin, can't be read)")]
    [InlineData("model.safetensors", "short", "is not a sound safetensors file")]
    [InlineData("vocab.json", null, "has no tokenizer files (tokenizer.json, or vocab.json and merges.txt)")]
    [InlineData("merges.txt", null, "has no tokenizer files (tokenizer.json, or vocab.json and merges.txt)")]
    public async Task What_is_no_policy_is_refused_with_one_sentence_and_leaves_nothing_behind(string file, string? content, string says)
    {
        var path = Path.Combine(source, file);
        File.Delete(path);
        if (content is not null)
        {
            await File.WriteAllTextAsync(path, content, Cancellation);
        }

        var refused = await Should.ThrowAsync<PolicyRefusedException>(() => registry.ImportAsync(source, Cancellation));

        refused.Message.ShouldContain(says);
        refused.Message.ShouldContain(source);
        refused.Message.ShouldNotContain("\n");
        Directory.Exists(Path.Combine(root, "run", "policies")).ShouldBeFalse();
    }

    [Fact]
    public async Task A_truncated_weights_file_is_refused()
    {
        var weights = Path.Combine(source, "model.safetensors");
        await File.WriteAllBytesAsync(weights, (await File.ReadAllBytesAsync(weights, Cancellation))[..^100], Cancellation);

        (await Should.ThrowAsync<PolicyRefusedException>(() => registry.ImportAsync(source, Cancellation))).Message.ShouldContain("the file is truncated");
    }

    [Fact]
    public async Task A_directory_that_is_not_there_is_refused() =>
        (await Should.ThrowAsync<PolicyRefusedException>(() => registry.ImportAsync(Path.Combine(root, "none"), Cancellation)))
            .Message.ShouldBe($"The policy directory {Path.Combine(root, "none")} does not exist.");

    [Fact]
    public async Task A_policy_leaves_as_a_zip_that_holds_the_same_policy()
    {
        var hash = await registry.ImportAsync(source, Cancellation);
        using var zip = new MemoryStream();

        await registry.WriteZipAsync(hash, zip, Cancellation);

        zip.Position = 0;
        await ZipFile.ExtractToDirectoryAsync(zip, Path.Combine(root, "unzipped"), Cancellation);
        PolicyFiles.Hash(Path.Combine(root, "unzipped", hash[..12])).ShouldBe(hash);
    }

    public void Dispose() => Directory.Delete(root, recursive: true);
}
