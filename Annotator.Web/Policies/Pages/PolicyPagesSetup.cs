namespace Annotator.Web.Policies.Pages;

/// <summary>Registers what the pages about policies read.</summary>
public static class PolicyPagesSetup
{
    public static void AddPolicyPages(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<PolicyReader>();
    }
}
