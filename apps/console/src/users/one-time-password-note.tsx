import { Button } from '@mantine/core';

/** Shown once: it is stored nowhere in a form that could be shown again. */
export function OneTimePasswordNote({ given: { username, password }, onClose }: { given: { username: string; password: string }; onClose: () => void }) {
  return (
    <div style={{ display: 'grid', gap: 8, justifyItems: 'start' }}>
      <div>One-time password of <strong>{username}</strong>, shown this once; it must be changed at its first use:</div>
      <code className="mono" style={{ fontSize: 16 }} data-password>{password}</code>
      <Button variant="default" onClick={onClose}>Close</Button>
    </div>
  );
}
