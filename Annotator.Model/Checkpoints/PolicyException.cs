namespace Annotator.Model.Checkpoints;

/// <summary>A policy directory can't be used; the message is one sentence for people that names the directory and the fault.</summary>
public sealed class PolicyException(string message, Exception? inner = null) : Exception(message, inner);
