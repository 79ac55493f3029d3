using Annotator.Web.People.Work;

namespace Annotator.Web.People;

public static class PeopleSetup
{
    public static void AddPeople(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<PeopleOperations>();
        builder.Services.AddSingleton<PeopleWork>();
    }
}
