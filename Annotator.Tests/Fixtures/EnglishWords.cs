using Annotator.Web.Languages;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Localization;

namespace Annotator.Tests.Fixtures;

/// <summary>The words of the pages as they stand in the code, for what is tested without a page.</summary>
internal static class EnglishWords
{
    public static IStringLocalizer<Words> All { get; } =
        new ServiceCollection().AddLogging().AddLocalization().BuildServiceProvider().GetRequiredService<IStringLocalizer<Words>>();
}
