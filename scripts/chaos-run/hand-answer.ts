/** A command that came from another terminal, carried out and answered in words. */
import type { Answer } from './control-socket.ts'
import { type Hand, isHandCommand } from './hand.ts'

/** Never throws: what went wrong is the answer. */
export async function answerByHand(hand: Hand, [name = '', ...args]: readonly string[]): Promise<Answer> {
  if (!isHandCommand(name)) return { ok: false, text: `there is no command '${name}'` }
  try {
    return { ok: true, text: await hand.do(name, args) }
  } catch (error) {
    // the run goes on: only this command failed, and whoever gave it is told why
    return { ok: false, text: error instanceof Error ? error.message : String(error) }
  }
}
