export function loader() { return 1; }
