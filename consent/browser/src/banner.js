export function banner() { return 2; }
