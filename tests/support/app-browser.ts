/** A browser as far as an authorization needs one: keeps cookies of one origin, follows redirects to it, stops at any other. */
export type AppBrowser = {
  /** The last address and its status: of ours, or the first that lies elsewhere (status 0). */
  go(url: string): Promise<{ url: URL; status: number; text: string }>;
  call(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }>;
};

export function openBrowser(origin: string): AppBrowser {
  const jar = new Map<string, { value: string; path: string }>();
  const cookieFor = (path: string): string => [...jar].filter(([, cookie]) => path.startsWith(cookie.path)).map(([name, { value }]) => `${name}=${value}`).join('; ');
  const ask = async (url: string, init: RequestInit): Promise<Response> => {
    const response = await fetch(url, { ...init, redirect: 'manual', headers: { ...init.headers, cookie: cookieFor(new URL(url).pathname) } });
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split('; ');
      const at = pair.indexOf('=');
      const value = pair.slice(at + 1);
      const path = attributes.find((one) => one.toLowerCase().startsWith('path='))?.slice(5) ?? '/';
      if (value === '') jar.delete(pair.slice(0, at));
      else jar.set(pair.slice(0, at), { value, path });
    }
    return response;
  };
  return {
    go: async (start) => {
      let url = new URL(start);
      for (let hop = 0; hop < 10; hop += 1) {
        if (url.origin !== origin) return { url, status: 0, text: '' };
        const response = await ask(url.href, {});
        const location = response.headers.get('location');
        if (location === null) return { url, status: response.status, text: await response.text() };
        await response.body?.cancel();
        url = new URL(location, url);
      }
      throw new Error('too many redirects');
    },
    call: async (method, path, body) => {
      const response = await ask(`${origin}${path}`, { method, ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }) });
      const text = await response.text();
      return { status: response.status, body: text === '' ? null : JSON.parse(text) };
    },
  };
}
