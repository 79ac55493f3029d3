// The API's reference, drawn by Scalar from the app's own OpenAPI document. Nothing is fetched from elsewhere.
Scalar.createApiReference('#app', {
  url: '/openapi/v1.json',
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
  defaultOpenAllTags: false,
  darkMode: document.documentElement.dataset.theme === 'dark',
  hideDarkModeToggle: true,
  persistAuth: false,
  authentication: { preferredSecurityScheme: 'key' },
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
  customCss: '.scalar-app, .scalar-app * { --scalar-font: Roboto, system-ui, sans-serif; } .light-mode { --scalar-color-accent: #1f6b67; } .dark-mode { --scalar-color-accent: #79c2bb; }',
});
