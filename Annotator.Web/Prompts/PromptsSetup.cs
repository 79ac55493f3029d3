namespace Annotator.Web.Prompts;

/// <summary>The prompts of studies: listed, changed, added.</summary>
public static class PromptsSetup
{
    public static void AddPrompts(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<PromptOperations>();
        builder.Services.AddSingleton<PromptImport>();
    }
}
