/** How much configuration a request may set: all of it is kept in memory by every node, and goes to disk as one append. */
import { ErrorCode } from '@millrace/protocol'
import { type Refusal, refusal } from './decision.ts'

interface ConfigSetting {
  readonly name: string
  readonly value: string | null
}

/** Of all keys and values of a request together, in UTF-16 units. */
const REQUEST_LENGTH_MAX = 2 ** 20
/** Of one value; Kafka's bound. */
const VALUE_LENGTH_MAX = 32_767

/** @returns why the request as a whole is refused: POLICY_VIOLATION; null when it is not */
export function tooMuchConfig(
  resources: readonly { readonly configs: readonly ConfigSetting[] }[],
): Refusal | null {
  let length = 0
  for (const { configs } of resources) {
    for (const { name, value } of configs) length += name.length + (value?.length ?? 0)
  }
  if (length <= REQUEST_LENGTH_MAX) return null
  return refusal(
    ErrorCode.POLICY_VIOLATION,
    `The request sets ${length} characters of configuration, and at most ${REQUEST_LENGTH_MAX} are allowed at once. Set fewer keys per request, or shorter values.`,
  )
}

/** @returns why a key can't have this value: INVALID_REQUEST; null when it can, as far as its length goes */
export function tooLongValue(name: string, value: string): Refusal | null {
  if (value.length <= VALUE_LENGTH_MAX) return null
  return refusal(
    ErrorCode.INVALID_REQUEST,
    `The value of ${name} would be ${value.length} characters long, and at most ${VALUE_LENGTH_MAX} are allowed.`,
  )
}
