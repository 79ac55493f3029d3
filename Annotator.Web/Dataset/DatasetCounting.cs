using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Dataset;

/// <summary>The counts of <see cref="DatasetExport.CountAsync(CurrentPerson, long, CancellationToken)"/> for a page: of a large study they may be some minutes old.</summary>
public sealed class DatasetCounting : IDisposable
{
    private readonly StudyFigures<DatasetCounts> figures;

    public DatasetCounting(DatasetExport export, IDbContextFactory<AnnotatorDbContext> contexts, TimeProvider time) =>
        figures = new(contexts, time, export.CountAsync);

    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public Task<Dated<DatasetCounts>> ReadAsync(CurrentPerson who, long studyId, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(who);
        who.RequireViewer();
        return figures.ReadAsync(studyId, cancellation);
    }

    public void Dispose() => figures.Dispose();
}
