// SPDX-License-Identifier: MIT
// Macros of Arduino.h, binary.h, Print.h and the headers of AVR and CMSIS that come with them.
#define HIGH 0x1
#define LOW 0x0
#define INPUT 0x0
#define OUTPUT 0x1
#define INPUT_PULLUP 0x2
#define PI 3.1415926535897932384626433832795
#define HALF_PI 1.5707963267948966192313216916398
#define TWO_PI 6.283185307179586476925286766559
#define DEG_TO_RAD 0.017453292519943295769236907684886
#define EULER 2.718281828459045235360287471352
#define SERIAL 0x0
#define DISPLAY 0x1
#define LSBFIRST 0
#define MSBFIRST 1
#define CHANGE 1
#define FALLING 2
#define RISING 3
#define DEFAULT 1
#define EXTERNAL 0
#define INTERNAL 3
#define DEC 10
#define HEX 16
#define OCT 8
#define BIN 2
#define F(string_literal) (string_literal)
#define PSTR(s) (s)
#define abs(x) ((x) > 0 ? (x) : -(x))
#define constrain(amt, low, high) ((amt) < (low) ? (low) : ((amt) > (high) ? (high) : (amt)))
#define round(x) ((x) >= 0 ? (long)((x) + 0.5) : (long)((x)-0.5))
#define radians(deg) ((deg)*DEG_TO_RAD)
#define degrees(rad) ((rad)*RAD_TO_DEG)
#define sq(x) ((x) * (x))
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define interrupts()
#define noInterrupts()
#define lowByte(w) ((w)&0xff)
#define highByte(w) ((w) >> 8)
#define bit(b) (1UL << (b))
#define bitRead(value, bit) (((value) >> (bit)) & 0x01)
#define bitSet(value, bit) ((value) |= (1UL << (bit)))
#define bitClear(value, bit) ((value) &= ~(1UL << (bit)))
#define bitWrite(value, bit, bitvalue) (bitvalue ? bitSet(value, bit) : bitClear(value, bit))
#define word(...) makeWord(__VA_ARGS__)
#define B0 0
#define B00 0
#define B000 0
#define B1 1
#define B01 1
#define B10 2
#define B11 3
#define B100 4
#define B101 5
#define A0 14
#define A1 15
#define A2 16
#define SS 10
#define MOSI 11
#define MISO 12
#define SCK 13
#define SDA 18
#define SCL 19
#define SP 0x3d
#define SREG 0x3f
#define PORTB 5
#define DDRB 4
#define PINB 3
#define TCNT1 0x84
#define UDR0 0xc6
#define F_CPU 16000000L
#define BIT(nr) (1UL << (nr))
#define READ 1
#define WRITE 2
#define RESET 0
#define SET 1
#define ENABLE 1
#define DISABLE 0
#define TIM1 1
#define ADC1 1
#define GPIOA 1
#define DMA1 1
#define RNG 1
