/** A cluster without faults and without clients, until it is told to go: for single faults by hand. */
import { once } from 'node:events'
import type { ChaosTarget } from './chaos-target.ts'
import { ControlSocket } from './control-socket.ts'
import { Hand } from './hand.ts'
import { answerByHand } from './hand-answer.ts'
import type { View } from './view.ts'

/** @returns whether it took commands */
export async function holdUp(target: ChaosTarget, view: View, signal: AbortSignal): Promise<boolean> {
  const hand = new Hand(target, { began: () => undefined, ended: () => undefined })
  const down = new AbortController()
  await using control = await ControlSocket.open(async (words) => {
    view.say(`☞ ${words.join(' ')}`)
    if (words[0] !== 'down') return await answerByHand(hand, words)
    down.abort()
    return { ok: true, text: 'going down' }
  })
  if (control === null) {
    view.say('another run takes the commands')
    return false
  }
  view.say(`export MILLRACE_BOOTSTRAP=${target.bootstrap}`)
  view.say('takes commands, such as: scripts/chaos kill broker-2; ends by Ctrl-C or: scripts/chaos down')
  const ending = AbortSignal.any([signal, down.signal])
  if (!ending.aborted) await once(ending, 'abort')
  return true
}
