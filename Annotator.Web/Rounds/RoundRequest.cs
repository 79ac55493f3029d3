using Annotator.Model.Preferences;
using Annotator.Web.Data;

namespace Annotator.Web.Rounds;

/// <summary>A round as somebody asks for it. The directories in <see cref="Options"/> are set when it starts.</summary>
public sealed record RoundRequest
{
    public required long StudyId { get; init; }
    public required RoundOptions Options { get; init; }
    public RoundInit Init { get; init; } = RoundInit.Previous;
    public RoundReference Reference { get; init; } = RoundReference.Sft;
    public RoundData Data { get; init; } = RoundData.All;
}
