namespace Annotator.Web.Data;

/// <summary>The app can't start as it was asked to. The message is one sentence for whoever started it: what, which, what to do.</summary>
public sealed class StartupException(string message, Exception? inner = null) : Exception(message, inner);
