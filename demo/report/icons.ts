/** The few drawings of the report: 24 × 24, strokes in the colour of the text. */
import { html, type Markup } from './markup';

const paths = {
  declare: 'M7 3h7l5 5v13H7zM14 3v5h5M10 13h6M10 17h6',
  configure: 'M4 7h10M18 7h2M4 17h2M10 17h10M14 4v6h4V4zM6 14v6h4v-6z',
  create: 'M5 6c0-4 14-4 14 0v12c0 4-14 4-14 0zM5 6c0 4 14 4 14 0M12 12v5M9.500 14.500h5',
  stage: 'M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3M12 14.500v2.500',
  rotate: 'M19 12a7 7 0 1 1-2.200-5.100M19 3v4.500h-4.500M12 9v3l2 2',
  delete: 'M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13M10.500 11v5.500M13.500 11v5.500',
  held: 'M4 12.500l5 5L20 6.500',
  broken: 'M6 6l12 12M18 6L6 18',
  brand:
    'M12 3l7.500 3v5.500c0 4.500-3 8-7.500 9.500-4.500-1.500-7.500-5-7.500-9.500V6zM12 10.500v4M12 10.500a1.600 1.600 0 1 0 0-.010',
} as const;

export type IconName = keyof typeof paths;

/** Beside a text that says the same, so hidden from screen readers. */
export function icon(name: IconName, className = ''): Markup {
  return html`<svg class="${className}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="${paths[name]}"/></svg>`;
}
