// SPDX-License-Identifier: Apache-2.0
//
// Interrupt specifiers of a GIC: <type number flags>, as the arm,gic-v3 binding defines them.

#ifndef SIDEWINDER_CONFIGS_PLATFORMS_INCLUDE_GIC_H
#define SIDEWINDER_CONFIGS_PLATFORMS_INCLUDE_GIC_H

#define GIC_SPI 0
#define GIC_PPI 1
#define IRQ_TYPE_EDGE_RISING 1
#define IRQ_TYPE_LEVEL_HIGH 4

/* Runs of shared, level-sensitive interrupts from number n on. */
#define SPI_1(n) <GIC_SPI (n) IRQ_TYPE_LEVEL_HIGH>
#define SPI_4(n) SPI_1(n), SPI_1((n) + 1), SPI_1((n) + 2), SPI_1((n) + 3)
#define SPI_16(n) SPI_4(n), SPI_4((n) + 4), SPI_4((n) + 8), SPI_4((n) + 12)
#define SPI_96(n) \
  SPI_16(n), SPI_16((n) + 16), SPI_16((n) + 32), SPI_16((n) + 48), SPI_16((n) + 64), SPI_16((n) + 80)

#endif
