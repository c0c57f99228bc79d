/** What replication calls an error, and what the protocol does. */
import { assert } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import type { AckError, AppendRefusal, FetchError } from '@millrace/replication'

export function errorCodeOf(error: AckError | AppendRefusal | FetchError): number {
  const code = ErrorCode[error]
  assert(code !== undefined, `no error code for ${error}`)
  return code
}
