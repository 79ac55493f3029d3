using System.Text.Json.Nodes;
using Annotator.Model.Checkpoints;
using Annotator.Model.Tokenization;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Tokenization;

/// <summary>Files and texts that somebody made to do harm.</summary>
public sealed class HostileTokenizerTests
{
    [Fact]
    public void A_hundred_megabytes_of_brackets_are_refused() =>
        Should.Throw<PolicyException>(() => TokenizerFile.Open(new string('[', 100_000_000))).Message.ShouldContain("maximum configured depth");

    [Theory]
    [InlineData("(a+)+$")]
    [InlineData("(a|a)*b")]
    [InlineData("(.*)*x")]
    [InlineData("(x+x+)+y(?!z)")]
    [InlineData("(a*)*(?!b)c")]
    public void An_expression_that_could_take_forever_is_quick_or_refused(string pattern)
    {
        ThreadClock.Of(() =>
        {
            try
            {
                TokenizerFile.Open(WithSplit(pattern)).Encode(new string('a', 5_000) + new string('x', 5_000));
            }
            catch (PolicyException e)
            {
                e.Message.ShouldMatch("takes too long on this text|can't be matched here exactly");
            }
        }).ShouldBeLessThan(TimeSpan.FromSeconds(60));
    }

    [Theory]
    [InlineData("(")]
    [InlineData("[b-a]")]
    [InlineData("a{2,1}")]
    [InlineData("\\p{Nonsense}")]
    public void A_broken_expression_is_refused(string pattern) =>
        Should.Throw<PolicyException>(() => TokenizerFile.Open(WithSplit(pattern))).Message.ShouldContain($"the regular expression \"{pattern}\" is not understood");

    [Fact]
    public void A_long_or_deep_expression_is_refused_or_works()
    {
        Should.Throw<PolicyException>(() => TokenizerFile.Open(WithSplit(new string('a', 10_001)))).Message.ShouldContain("a regular expression of 10001 characters is not known here");
        TokenizerFile.Open(WithSplit(new string('(', 4_000) + "a" + new string(')', 4_000))).Encode("ab").ShouldBe(['a', 'b']);
    }

    [Fact]
    public void A_million_characters_without_a_space_are_merged_in_little_more_time_than_a_text()
    {
        // A quadratic merge would take hours.
        var word = string.Concat(Enumerable.Repeat("abcab", 200_000));
        var file = TokenizerFile.ByteLevel(["a b", "ab c", "abc ab"]);

        file.Open().Encode(word).Count.ShouldBe(200_000);
        TokenizerFile.Stories().Open().Encode(word).Count.ShouldBeGreaterThan(0);
        TokenizerFile.Stories().Open().Encode(new string(' ', 1_000_000)).Count.ShouldBe(1_000_001);
    }

    [Fact]
    public void A_template_of_tags_within_tags_takes_no_time()
    {
        foreach (var piece in new[] { "{{", "{%", "{#", "{{'", "{% if tools %}", "{{ '}}' }}", "\"'" })
            CheckpointChatTemplate.Named(string.Concat(Enumerable.Repeat(piece, 90_000 / piece.Length))).ShouldBeNull();
        CheckpointChatTemplate.Named(new string('{', 1_000_000)).ShouldBeNull();
    }

    private static string WithSplit(string pattern)
    {
        var file = TokenizerFile.ByteLevel([]);
        file["pre_tokenizer"] = new JsonObject { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = pattern }, ["behavior"] = "Isolated" };
        return file.ToJsonString();
    }
}
