import type { DiskError } from '@millrace/base'

/** No space, no quota, too large a file: writing fails now and may succeed later; what is stored is sound. */
export function isOutOfSpace({ code }: DiskError): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
}
