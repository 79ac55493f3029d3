using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace Annotator.Web.Data;

/// <summary>The context for <c>dotnet ef</c>, which would otherwise start the app with options of its own that the app refuses.</summary>
public sealed class DesignTimeDatabase : IDesignTimeDbContextFactory<AnnotatorDbContext>
{
    public AnnotatorDbContext CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<AnnotatorDbContext>().UseSqlite("Data Source=:memory:").Options);
}
