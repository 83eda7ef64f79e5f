export function FeedsPage() { return <p>FeedsPage</p>; }
