export function StayPage() { return <p>StayPage</p>; }
