import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ValidateBy } from 'class-validator';

const DIGITS = /^[1-9]\d{0,18}$/;
const MAX_BIGINT = 2n ** 63n - 1n;

/** Whether the text is a positive whole number that fits PostgreSQL's bigint, without signs or leading zeros. */
export const isGithubId = (text: string): boolean => DIGITS.test(text) && BigInt(text) <= MAX_BIGINT;

/** A GitHub id as a number or a string of digits; the field always holds the string, which is exact beyond 2^53. */
export const GithubId = () =>
  applyDecorators(
    Transform(({ value }: { value: unknown }) => (Number.isSafeInteger(value) ? String(value) : value)),
    ValidateBy({
      name: 'isGithubId',
      validator: {
        validate: (value: unknown) => typeof value === 'string' && isGithubId(value),
        defaultMessage: () => '$property must be a positive whole number; beyond 2^53 - 1 as a string of digits',
      },
    }),
    ApiProperty({
      oneOf: [
        { type: 'integer', format: 'int64', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
        { type: 'string', pattern: DIGITS.source },
      ],
    }),
  );
