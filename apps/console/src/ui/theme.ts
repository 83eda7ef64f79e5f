import { createTheme, localStorageColorSchemeManager } from '@mantine/core';

/** Small type, tight rows, the system's own font: nothing is loaded from elsewhere, and a ward's list fits a screen. */
export const theme = createTheme({
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", "Noto Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "Cascadia Mono", "Liberation Mono", "DejaVu Sans Mono", monospace',
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '20px' },
  primaryColor: 'blue',
  primaryShade: { light: 8, dark: 8 },
  autoContrast: true,
  defaultRadius: 'sm',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    // Mantine's dialog has a <header>, which would be a second banner of the page.
    Modal: { defaultProps: { transitionProps: { duration: 0 }, centered: true, attributes: { header: { role: 'presentation' } } } },
    Button: { defaultProps: { size: 'xs' } },
  },
});

/** The same key as `public/color-scheme.js`, which sets the scheme before the first paint. */
export const colorSchemeManager = localStorageColorSchemeManager({ key: 'primum-color-scheme' });
