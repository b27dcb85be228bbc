import { uuidv7 } from 'uuidv7';

/** A new UUID v7 (RFC 9562): time-ordered, and monotonic within this process. */
export const newId = (): string => uuidv7();

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether the text is a UUID in its canonical lower-case form. */
export const isId = (text: string): boolean => UUID.test(text);
