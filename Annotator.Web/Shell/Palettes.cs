using MudBlazor;

namespace Annotator.Web.Shell;

/// <summary>
/// The colours, in one place: paper and ink by day, slate by night, one quiet teal for what can be pressed.
/// Text on its ground has a contrast of at least 4.5 : 1 in both.
/// </summary>
public static class Palettes
{
    /// <summary>The theme of the interactive pages.</summary>
    public static MudTheme Theme { get; } = new()
    {
        PaletteLight = new PaletteLight
        {
            Primary = "#1f6b67", PrimaryContrastText = "#ffffff",
            Secondary = "#9a5a1f", SecondaryContrastText = "#ffffff",
            Tertiary = "#5b5790", TertiaryContrastText = "#ffffff",
            Info = "#2f6690", Success = "#3b7a45", Warning = "#a3640f", Error = "#b3392f",
            Background = "#f6f5f1", BackgroundGray = "#eeece6", Surface = "#ffffff",
            AppbarBackground = "#ffffff", AppbarText = "#22282b", DrawerBackground = "#ffffff", DrawerText = "#22282b", DrawerIcon = "#5a6367",
            TextPrimary = "#22282b", TextSecondary = "#596266", TextDisabled = "#8b9296",
            ActionDefault = "#596266", ActionDisabled = "#a9aeb0", ActionDisabledBackground = "#e8e6e0",
            LinesDefault = "#e2dfd7", LinesInputs = "#8d9497", Divider = "#e2dfd7", DividerLight = "#eeece6",
            TableLines = "#e8e5de", TableStriped = "#faf9f6", TableHover = "#f3f1ec",
            Black = "#22282b", Dark = "#3a4245",
        },
        PaletteDark = new PaletteDark
        {
            Primary = "#79c2bb", PrimaryContrastText = "#0e2322",
            Secondary = "#e0aa72", SecondaryContrastText = "#2a1a08",
            Tertiary = "#b3aee0", TertiaryContrastText = "#1b1934",
            Info = "#8bb8dc", InfoContrastText = "#0f2233", Success = "#8cc795", SuccessContrastText = "#10240f",
            Warning = "#e3b062", WarningContrastText = "#2a1c04", Error = "#ef948a", ErrorContrastText = "#34100c",
            Background = "#14181a", BackgroundGray = "#101315", Surface = "#1c2124",
            AppbarBackground = "#1c2124", AppbarText = "#e7e7e3", DrawerBackground = "#1c2124", DrawerText = "#e7e7e3", DrawerIcon = "#a4abad",
            TextPrimary = "#e7e7e3", TextSecondary = "#a4abad", TextDisabled = "#70787b",
            ActionDefault = "#a4abad", ActionDisabled = "#596063", ActionDisabledBackground = "#2a3033",
            LinesDefault = "#2e3538", LinesInputs = "#757e81", Divider = "#2e3538", DividerLight = "#262c2f",
            TableLines = "#2a3134", TableStriped = "#1f2427", TableHover = "#252b2e",
            Black = "#0c0f10", Dark = "#394144",
        },
        Typography = new()
        {
            Default = new DefaultTypography { FontFamily = ["var(--sans)"], FontSize = ".9375rem", LineHeight = "1.5", LetterSpacing = "normal" },
            H4 = new H4Typography { FontSize = "1.75rem", FontWeight = "500", LineHeight = "1.25", LetterSpacing = "-.01em" },
            H5 = new H5Typography { FontSize = "1.375rem", FontWeight = "500", LineHeight = "1.3", LetterSpacing = "-.005em" },
            H6 = new H6Typography { FontSize = "1.0625rem", FontWeight = "500", LineHeight = "1.4", LetterSpacing = "normal" },
            Body1 = new Body1Typography { FontSize = ".9375rem", LineHeight = "1.6", LetterSpacing = "normal" },
            Body2 = new Body2Typography { FontSize = ".875rem", LineHeight = "1.5", LetterSpacing = "normal" },
            Caption = new CaptionTypography { FontSize = ".8125rem", LineHeight = "1.45", LetterSpacing = "normal" },
            Button = new ButtonTypography { FontSize = ".875rem", FontWeight = "500", LetterSpacing = "normal", TextTransform = "none" },
        },
        LayoutProperties = new() { DefaultBorderRadius = "8px", AppbarHeight = "56px", DrawerWidthLeft = "264px" },
    };

    /// <summary>
    /// The same colours as CSS variables of the same names, for what is on screen before the circuit is (or where there is
    /// none, as at sign-in): a page never flashes in the wrong colours.
    /// </summary>
    public static string Css { get; } =
        $":root{{color-scheme:light;{Variables(Theme.PaletteLight)}}}:root[data-theme=dark]{{color-scheme:dark;{Variables(Theme.PaletteDark)}}}";

    private static string Variables(Palette palette) => string.Concat(
        $"--mud-palette-primary:{palette.Primary.Value};--mud-palette-primary-text:{palette.PrimaryContrastText.Value};",
        $"--mud-palette-background:{palette.Background.Value};--mud-palette-background-gray:{palette.BackgroundGray.Value};",
        $"--mud-palette-appbar-background:{palette.AppbarBackground.Value};--mud-palette-appbar-text:{palette.AppbarText.Value};",
        $"--mud-palette-drawer-background:{palette.DrawerBackground.Value};--mud-palette-drawer-text:{palette.DrawerText.Value};",
        $"--mud-palette-surface:{palette.Surface.Value};--mud-palette-text-primary:{palette.TextPrimary.Value};",
        $"--mud-palette-text-secondary:{palette.TextSecondary.Value};--mud-palette-lines-default:{palette.LinesDefault.Value};",
        $"--mud-palette-lines-inputs:{palette.LinesInputs.Value};--mud-palette-error:{palette.Error.Value};",
        $"--mud-palette-warning:{palette.Warning.Value};--mud-palette-success:{palette.Success.Value};");
}
