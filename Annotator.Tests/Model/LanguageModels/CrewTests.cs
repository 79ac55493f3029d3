using Annotator.Model.LanguageModels;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.LanguageModels;

[Collection(TorchCollection.Name)]
public sealed class CrewTests
{
    [Fact]
    public void Every_part_is_done_once_also_when_several_threads_share_out_jobs_at_a_time()
    {
        Parallel.For(0, 4, _ =>
        {
            for (var job = 0; job < 500; job++)
            {
                var done = new int[1 + job % 37];
                Crew.Share(done.Length, part => Interlocked.Increment(ref done[part]));
                done.ShouldAllBe(times => times == 1);
            }
        });
    }
}
