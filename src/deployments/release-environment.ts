const SEPARATORS = /[-._+~/]/;
const PRE_RELEASE = /^(?:v?\d+)?(?:alpha|beta|rc)\d*$/i;

/**
 * Where a version goes unless somebody says otherwise: one with a pre-release suffix (`v2.0.0-rc.1`, `1.4beta2`) to
 * staging, every other to production.
 */
export function environmentOf(version: string): 'staging' | 'production' {
  const parts = version.split(SEPARATORS);
  const isPreRelease = parts.some((part, at) => PRE_RELEASE.test(part) && (at > 0 || /^v?\d/i.test(part)));
  return isPreRelease ? 'staging' : 'production';
}
