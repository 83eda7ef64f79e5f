import '@mantine/core/styles/baseline.css';
import '@mantine/core/styles/default-css-variables.css';
import '@mantine/core/styles/global.css';
import './ui/mantine-styles.ts';
import './ui/global.css';
import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { makeQueryClient } from './api/queries.ts';
import { makeRouter } from './routes.tsx';
import { colorSchemeManager, theme } from './ui/theme.ts';

const client = makeQueryClient(() => {
  void router.navigate({ to: '/sign-in', search: { next: router.state.location.href } }).then(() => client.clear());
});
const router = makeRouter(client);

export function App() {
  return (
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto" colorSchemeManager={colorSchemeManager}>
        <QueryClientProvider client={client}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>
  );
}
