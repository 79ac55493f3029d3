namespace Annotator.Web.Languages;

/// <summary>
/// The words of the pages. English is the source and stands where it is used, <c>@Words["Sign in"]</c>, so that a text on
/// screen is found in the code by searching for it; <c>Words.zh-Hans.resx</c> has the same text in Chinese. Every component
/// has <c>Words</c>; other code takes an <c>IStringLocalizer&lt;Words&gt;</c>. A text is a literal and a whole sentence with
/// places for what varies, <c>@Words["{0} of {1} today", done, target]</c>, never one that is put together from parts.
/// </summary>
public sealed class Words;
