/** Runs `work` with `given`: neither the shop's code nor a vendor's may stop us, nor we them. */
export function attempt(work, given) {
  try {
    return work(given);
  } catch (error) {
    console.error('pixelgate:', error);
  }
}
